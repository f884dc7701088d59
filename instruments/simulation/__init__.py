"""Simulated instruments at the wire, round a physical twin of the sample; imported only for a bench that asks."""
