"""``python -m click2dial_agi`` is the command ``click2dial-agi``."""

from click2dial_agi.app.cli import main

main()
