"""The doctor of one port: can you have it, who is in the way, what does a client meet, and what can you do.

`examine` looks at this machine as it is. It ends no process, changes no setting and sends no byte of data.
"""

from sockets_lab.kernel.doctor.holders import holders
from sockets_lab.kernel.doctor.report import Report, examine
from sockets_lab.kernel.doctor.words import sections, sentence
