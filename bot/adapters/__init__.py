"""The only rooms that know vendors: each turns bytes of one neighbour into our values and back."""
