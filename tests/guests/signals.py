# Signals: handlers, interval timers, masks, waiting, queued values, restarted system calls, a fault in a child.
import ctypes, os, signal, subprocess, sys, time
n = 0
def h(s, f):
    global n; n += 1
signal.signal(signal.SIGALRM, h)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
s = 0
while n < 100: s += 1
signal.setitimer(signal.ITIMER_REAL, 0)
print("ticks", n >= 100)
signal.signal(signal.SIGUSR1, h); n = 0
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
for _ in range(5): os.kill(os.getpid(), signal.SIGUSR1)
print("blocked", n, signal.sigpending())
signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR1]); print("then", n)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGRTMIN])
pid = os.getpid()
if os.fork() == 0: os.kill(pid, signal.SIGRTMIN); os._exit(0)
i = signal.sigwaitinfo([signal.SIGRTMIN]); os.wait(); print(i.si_signo, i.si_code, i.si_pid != pid)
r, w = os.pipe(); signal.setitimer(signal.ITIMER_REAL, 0.05); n = 0
if os.fork() == 0: time.sleep(0.2); os.write(w, b"late"); os._exit(0)
print(os.read(r, 10), n); os.wait()
for code in ("import ctypes; ctypes.string_at(0)", "import os; os.abort()", "import os; os.kill(os.getpid(), 15)"):
    print(subprocess.run([sys.executable, "-c", code], stderr=subprocess.DEVNULL).returncode)
t = time.monotonic(); time.sleep(0.05); print(time.monotonic() - t >= 0.05, time.clock_gettime(time.CLOCK_REALTIME) > 1.6e9)
try:
    signal.signal(signal.SIGALRM, lambda *a: (_ for _ in ()).throw(TimeoutError())); signal.setitimer(signal.ITIMER_REAL, 0.05); time.sleep(5)
except TimeoutError: print("interrupted")
