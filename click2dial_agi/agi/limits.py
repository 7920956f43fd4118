"""How much one AGI peer may send, and how much we may send it.  Each number has its reason."""

__all__ = [
    "MAX_COMMAND",
    "MAX_COMMAND_WORDS",
    "MAX_ENVIRONMENT",
    "MAX_ENVIRONMENT_LINES",
    "MAX_LINE",
    "MAX_USAGE_LINES",
]

# One AGI argument can fill Asterisk's application data buffer (EXT_DATA_SIZE in pbx.c, 8192
# bytes), and "agi_arg_1: " comes before it.  16 KiB leaves room for builds with a larger one;
# a stricter 8 KiB would cut a legal line.
MAX_LINE = 16 * 1024

# setup_env() in res_agi.c sends 22 fixed lines and at most MAX_ARGS (128) arguments.
MAX_ENVIRONMENT_LINES = 160

# All arguments together come out of the one 8192-byte buffer above, the rest are names and
# numbers of a few dozen bytes.
MAX_ENVIRONMENT = 64 * 1024

# The longest usage text in res_agi.c has 23 lines.
MAX_USAGE_LINES = 64

# AGI_BUF_LEN in res_agi.c, one byte of which is the closing NUL: Asterisk cuts a longer line in
# two and runs the second half as a command of its own.
MAX_COMMAND = 8191

# MAX_ARGS (128) in res_agi.c, one of which is the closing NULL: parse_args() drops bare words
# beyond it with a warning in Asterisk's log only, and writes quoted ones past the end of its array.
MAX_COMMAND_WORDS = 127
