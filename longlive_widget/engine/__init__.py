"""From a prompt to blocks of pictures."""
