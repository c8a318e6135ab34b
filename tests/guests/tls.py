# TLS over a socket pair with a certificate made on the spot, both sides in this process.
import socket, ssl, subprocess, threading, hashlib, hmac, secrets
subprocess.run("openssl req -x509 -newkey rsa:2048 -nodes -keyout k.pem -out c.pem -days 30 -subj /CN=localhost -addext subjectAltName=DNS:localhost".split(), check=True, stderr=subprocess.DEVNULL)
s = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER); s.load_cert_chain("c.pem", "k.pem")
c = ssl.create_default_context(cafile="c.pem")
a, b = socket.socketpair()
def serve():
    with s.wrap_socket(a, server_side=True) as t:
        n = 0
        while (d := t.recv(65536)): n += len(d); t.sendall(hashlib.sha256(d).digest()[:1]) if len(d) < 100 else None
        print("server got", n)
th = threading.Thread(target=serve); th.start()
with c.wrap_socket(b, server_hostname="localhost") as t:
    print(t.version(), t.getpeercert()["subject"]); t.sendall(b"ping"); print(t.recv(1))
    for i in range(20): t.sendall(b"x" * 10000)
th.join(); print(hmac.new(b"k", b"m", "sha512").hexdigest()[:16], len(secrets.token_bytes(8)), hashlib.pbkdf2_hmac("sha256", b"p", b"s", 20000).hex())
