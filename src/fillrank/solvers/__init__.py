"""Routes that need no loss: closed forms and iterations of their own."""
