# SPDX-License-Identifier: GPL-2.0-only
"""A real SIP call between two baresip clients."""
import math
import os
import struct
import wave

RTP_PORTS = (10000, 10100)
FILTER = "udp portrange %d-%d" % RTP_PORTS


def _tone(path, seconds, rate=8000):
    """A file that lasts as long as the call: baresip goes silent at its end."""
    second = b"".join(
        struct.pack("<h", int(8000 * math.sin(2 * math.pi * 440 * i / rate))) for i in range(rate)
    )
    with wave.open(path, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        for _ in range(math.ceil(seconds)):
            out.writeframes(second)


def _client(folder, name, address, tone, auto):
    """Writes one client's configuration folder: G.711, 20 ms, no registrar, no sound card."""
    os.makedirs(folder, exist_ok=True)
    modules = ["stdio.so", "g711.so", "aufile.so"]
    with open(os.path.join(folder, "config"), "w") as out:
        out.write("module_path /usr/lib/baresip/modules\n")
        out.writelines("module %s\n" % m for m in modules)
        out.write("module_app account.so\nmodule_app menu.so\n")
        out.write("audio_source aufile,%s\n" % tone)
        out.write("audio_player aufile,%s\n" % os.path.join(folder, "heard.wav"))
        out.write("sip_listen %s:5060\nrtp_ports %d-%d\nrtp_stats yes\n" % (address, *RTP_PORTS))
    with open(os.path.join(folder, "accounts"), "w") as out:
        mode = ";answermode=auto" if auto else ""
        out.write("<sip:%s@%s>;regint=0;audio_codecs=PCMU%s\n" % (name, address, mode))
    return folder


class Call:
    """caller and callee are functions (argv, log) -> Popen that start a process on their host."""

    def __init__(self, folder, caller, caller_ip, callee, callee_ip, seconds):
        tone = os.path.join(folder, "tone.wav")
        os.makedirs(folder, exist_ok=True)
        _tone(tone, seconds + 5)
        b = _client(os.path.join(folder, "callee"), "b", callee_ip, tone, True)
        a = _client(os.path.join(folder, "caller"), "a", caller_ip, tone, False)
        self._callee = callee(["baresip", "-f", b], os.path.join(folder, "callee.log"))
        self._caller_argv = [
            "baresip", "-f", a, "-e", "/dial sip:b@%s:5060" % callee_ip, "-t", str(math.ceil(seconds)),
        ]
        self._caller_start = lambda: caller(self._caller_argv, os.path.join(folder, "caller.log"))
        self._caller = None

    def dial(self):
        self._caller = self._caller_start()

    def end(self):
        for process in (self._caller, self._callee):
            if process and process.poll() is None:
                process.terminate()
                process.wait(10)
