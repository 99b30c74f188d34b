#pragma once

// Everything else in the library is built with hidden visibility.
#define DISPATCHCTL_EXPORT __attribute__((visibility("default")))

// Names the ABI in every symbol; it changes with major.minor, so that two versions never mix silently.
#define DISPATCHCTL_ABI v0_1
