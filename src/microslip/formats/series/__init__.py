"""Tables of quantities over time steps, and the strain and stress that they hold."""
