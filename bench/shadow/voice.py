# SPDX-License-Identifier: GPL-2.0-only
"""A real SIP call between two baresip clients, and what `svnet voice` says of it."""
import json
import math
import os
import struct
import subprocess
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


WORST = 1.0  # MOS

# The telephones would be machines of their own: here they do not wait for what else this one does.
BARESIP = ["chrt", "-f", "1", "baresip"]


class Call:
    """caller and callee are functions (argv, log) -> Popen that start a process on their host."""

    def __init__(self, folder, caller, caller_ip, callee, callee_ip, seconds):
        tone = os.path.join(folder, "tone.wav")
        os.makedirs(folder, exist_ok=True)
        _tone(tone, seconds + 5)
        b = _client(os.path.join(folder, "callee"), "b", callee_ip, tone, True)
        a = _client(os.path.join(folder, "caller"), "a", caller_ip, tone, False)
        self._callee = callee([*BARESIP, "-f", b], os.path.join(folder, "callee.log"))
        self._caller_argv = [
            *BARESIP, "-f", a, "-e", "/dial sip:b@%s:5060" % callee_ip, "-t", str(math.ceil(seconds)),
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


def rated(svnet, path, source, cuts):
    """What `svnet voice` says of a recording between each two of the cuts (Unix times): {begin: MOS}.
    The receiver has a de-jitter buffer of 60 ms and no concealment: baresip's G.711 has none."""
    argv = [svnet, "--json", "voice", "-r", path, "--bin", ",".join("@%.6f" % t for t in cuts)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError("`%s`: %s" % (" ".join(argv)[:200], done.stderr.strip()))
    streams = [s for s in json.loads(done.stdout)["streams"] if s["source_address"] == source]
    if len(streams) != 1:
        raise RuntimeError("%s has %d voice streams of %s, not one" % (path, len(streams), source))
    found = {bin["from"]: bin["mos"] for bin in streams[0]["bins"]}
    return {cut: mos_at(found, cut) for cut in cuts}


def mos_at(found, cut):
    """Of the bin that begins there (JSON has seven digits of it). Where nothing came nothing is rated, and
    that is the worst there is."""
    begin = min(found, key=lambda begin: abs(begin - cut), default=None)
    return WORST if begin is None or abs(begin - cut) > 1e-4 or found[begin] is None else found[begin]
