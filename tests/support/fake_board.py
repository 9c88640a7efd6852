"""A board in plain Python, for what a circuit never does: wrong answers, silence, odd sizes."""

from hwgen.host.frames import Frame, FrameDecoder, encode
from rtl_templates.link.protocol import REPLY


class FakeBoard:
    """A transport whose other end answers with ``answer(frame)``: bytes, or a payload's frame.

    ``None`` is silence.  Time moves while the driver waits, and by ``tick_s`` with each read.
    """

    def __init__(self, answer, tick_s=0.0):
        self._answer = answer
        self._decoder = FrameDecoder()
        self._line = b""
        self._now = 0.0
        self._tick_s = tick_s
        self.requests = []
        self.closed = False

    def write(self, data):
        for frame in self._decoder.feed(data):
            self.requests.append(frame)
            reply = self._answer(frame)
            if isinstance(reply, Frame):
                reply = encode(reply)
            self._line += reply or b""

    def read(self, timeout_s):
        self._now += self._tick_s
        if not self._line:
            self._now += timeout_s
        data, self._line = self._line, b""
        return data

    def now(self):
        return self._now

    def close(self):
        self.closed = True


def reply(frame, payload):
    """The board's answer to a request."""
    return Frame(frame.sequence, frame.kind | REPLY, payload)
