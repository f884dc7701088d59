"""The lab window: shows and steers what runner, roles and analysis do; it computes and stores nothing itself."""
