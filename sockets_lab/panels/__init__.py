"""What a lesson's notebook talks to: `lesson("01_descriptors")` begins a lesson. The only part that knows Jupyter."""

from sockets_lab.panels.answers import answers
from sockets_lab.panels.doctor import doctor
from sockets_lab.panels.handing_in import hand_in, join
from sockets_lab.panels.inspector import inspector
from sockets_lab.panels.page import LessonPage, lesson
from sockets_lab.panels.show import show
