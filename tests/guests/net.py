# Sockets on loopback: TCP with asyncio, UDP, unix sockets with passed descriptors, epoll, options.
import array, asyncio, os, select, socket
async def main():
    async def serve(r, w):
        while (l := await r.readline()): w.write(l.upper())
        w.close()
    s = await asyncio.start_server(serve, "127.0.0.1", 0); port = s.sockets[0].getsockname()[1]
    async def client(i):
        r, w = await asyncio.open_connection("127.0.0.1", port); n = 0
        for j in range(20): w.write(b"hello %d\n" % j); n += len(await r.readline())
        w.close(); return n
    print(sum(await asyncio.gather(*[client(i) for i in range(10)])))
    p = await asyncio.create_subprocess_exec("cat", stdin=-1, stdout=-1); print(await p.communicate(b"sub")); s.close()
asyncio.run(main())
u, v = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.bind(("127.0.0.1", 0)); v.sendto(b"datagram", u.getsockname()); print(u.recvfrom(100)[0])
a, b = socket.socketpair(); r, w = os.pipe()
socket.send_fds(a, [b"fd"], [w]); m, fds, _, _ = socket.recv_fds(b, 10, 2); os.write(fds[0], b"passed"); print(m, os.read(r, 10))
e = select.epoll(); e.register(a, select.EPOLLIN | select.EPOLLOUT); b.send(b"x"); print([x[1] for x in e.poll(1)])
l = socket.socket(socket.AF_UNIX); l.bind("sock"); l.listen(); c = socket.socket(socket.AF_UNIX); c.connect("sock"); d, _ = l.accept(); c.sendmsg([b"ab", b"cd"]); print(d.recv(9), d.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)[:4] == os.getpid().to_bytes(4, "little"))
t = socket.socket(); t.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1); t.settimeout(0.5); print(t.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY), t.connect_ex(("127.0.0.1", 1)))
print(socket.gethostbyname("127.0.0.1"), socket.inet_pton(socket.AF_INET6, "::1")[-1], socket.getservbyname("domain") if os.path.exists("/etc/services") else 53)
