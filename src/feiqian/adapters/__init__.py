"""The only input and output: each adapter fulfils one port with one real medium."""
