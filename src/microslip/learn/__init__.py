"""Network, training, evaluation, baselines, attribution. The only folder that knows torch."""
