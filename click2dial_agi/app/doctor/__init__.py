"""``click2dial-agi doctor``: what is wrong with this machine and its PBX, and what mends it.

Each module holds the checks of one subject.  A check returns findings, and nothing else happens:
it neither mends nor logs.
"""

from click2dial_agi.app.doctor.examine import examine, examine_machine, examine_pbx
from click2dial_agi.app.doctor.findings import Finding, Level

__all__ = ["Finding", "Level", "examine", "examine_machine", "examine_pbx"]
