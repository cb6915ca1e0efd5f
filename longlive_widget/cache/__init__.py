"""What the network remembers: keys and values of latent frames and of the prompt."""
