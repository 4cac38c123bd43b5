"""From seeds to raw shards: what is asked of the web, how politely, and where the answers are kept."""
