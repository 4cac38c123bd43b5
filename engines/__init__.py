"""What another engine than the local one needs: its options, and for Flink its processes."""
