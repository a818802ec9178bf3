"""Record the conversation between a process and its protocol stack.

`with record() as calls:` records every socket call that the code inside makes, by any means that uses Python's
`socket`, and changes nothing of what it does.
"""

from sockets_lab.watch.calls.recording import Recording
from sockets_lab.watch.calls.values import Answer, Call, Data, Descriptor, Part, Raised, raised
from sockets_lab.watch.calls.wrapping import hide, record
