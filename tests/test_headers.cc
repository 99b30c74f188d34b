// Compiled only so that its precompiled headers can be shared.
int main() {}
