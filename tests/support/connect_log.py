"""Prints when connections over the loopback are asked for, and to which port: a line each, with the seconds since the
epoch by the kernel's clock first. Says "ready" once nothing escapes it, and runs until it is killed.
"""

import socket
import struct

ETH_P_IP = 0x0800
SO_TIMESTAMPNS = 35
SYN, ACK = 0x02, 0x10


def main():
    packets = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_IP))
    packets.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    packets.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 << 20)
    packets.bind(("lo", ETH_P_IP))
    print("ready", flush=True)
    while True:
        packet, extra, _, sender = packets.recvmsg(128, 128)
        # The loopback shows each packet as it leaves and as it comes.
        if sender[2] != socket.PACKET_HOST or len(packet) < 20 or packet[9] != socket.IPPROTO_TCP:
            continue
        tcp = packet[(packet[0] & 0x0F) * 4:]
        if len(tcp) < 14 or tcp[13] & (SYN | ACK) != SYN:
            continue
        port, = struct.unpack_from("!H", tcp, 2)
        seconds, nanoseconds = struct.unpack("qq", extra[0][2])
        print(f"{seconds}.{nanoseconds:09} {port}", flush=True)


if __name__ == "__main__":
    main()
