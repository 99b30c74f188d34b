"""A way through the network that delays, loses and reorders packets, as the kernel's netem does where there is one.

    poor_link.py NEAR FAR DELAY JITTER LOSS SEED

What is sent to the address FAR comes back, as from FAR, to NEAR, an address of this side: whoever connects to a port
of FAR reaches who listens there on NEAR. Each packet on its own takes DELAY, more or less by up to JITTER, both in
seconds, so that later ones overtake; LOSS, from 0 to 1, is the share that never arrives. Says "ready" once it works,
and then runs until it is killed.
"""

import fcntl
import heapq
import os
import random
import select
import struct
import subprocess
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
DEVICE = "poor0"
MOST_BYTES = 65536


def turned_round(packet):
    """The IPv4 packet with source and destination exchanged, which no checksum of IP or TCP notices; else None."""
    if len(packet) < 20 or packet[0] >> 4 != 4:
        return None
    return packet[:12] + packet[16:20] + packet[12:16] + packet[20:]


def main():
    near, far = sys.argv[1:3]
    delay, jitter, loss = map(float, sys.argv[3:6])
    chance = random.Random(int(sys.argv[6]))
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", DEVICE.encode(), IFF_TUN | IFF_NO_PI))
    for command in (["address", "add", near, "peer", far, "dev", DEVICE], ["link", "set", DEVICE, "up"]):
        subprocess.run(["ip", *command], check=True)
    print("ready", flush=True)

    under_way = []  # (when it arrives, packet)
    while True:
        wait = max(0.0, under_way[0][0] - time.monotonic()) if under_way else None
        if select.select([device], [], [], wait)[0]:
            packet = turned_round(os.read(device, MOST_BYTES))
            if packet is not None and chance.random() >= loss:
                heapq.heappush(under_way, (time.monotonic() + delay + chance.uniform(-jitter, jitter), packet))
        while under_way and under_way[0][0] <= time.monotonic():
            os.write(device, heapq.heappop(under_way)[1])


if __name__ == "__main__":
    main()
