"""What a network is fed: clips, the cache of their audio, spectrogram planes, augmentation."""
