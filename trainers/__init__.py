"""One readable file per model: the consumers that prove the data. They read only what a release holds."""
