# Processes: fork, exec, pipes, subprocess, multiprocessing with shared memory, exit codes, environment, mmap, files.
import mmap, multiprocessing, os, select, signal, subprocess, sys, tempfile
print(subprocess.run(["sh", "-c", "echo out; echo err >&2; exit 3"], capture_output=True))
p = subprocess.Popen(["tr", "a-z", "A-Z"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
print(p.communicate("hello " * 3))
print(subprocess.check_output("seq 5 | paste -sd,", shell=True, text=True).strip())
r, w = os.pipe(); pid = os.fork()
if pid == 0: os.write(w, b"child"); os._exit(42)
print(os.read(r, 10), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
pid = os.fork()
if pid == 0: os.kill(os.getpid(), signal.SIGKILL)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
m = mmap.mmap(-1, 8192)
if os.fork() == 0: m[:5] = b"share"; os._exit(0)
os.wait(); print(m[:5])
def f(x): return x * x, os.getpid() != parent
parent = os.getpid()
if __name__ == "__main__":
    multiprocessing.set_start_method("fork")
    with multiprocessing.Pool(3) as pool: print(pool.map(f, range(10)))
    v = multiprocessing.Value("i", 0)
    def add():
        for _ in range(500):
            with v.get_lock(): v.value += 1
    ps = [multiprocessing.Process(target=add) for _ in range(4)]
    [p.start() for p in ps]; [p.join() for p in ps]; print(v.value, [p.exitcode for p in ps])
    print(subprocess.check_output([sys.executable, "-c", "import sys; print(sys.argv, sys.executable)", "a b", ""], text=True).strip())
    with tempfile.TemporaryFile() as t:
        t.write(b"x" * 100000); t.seek(99990); print(len(t.read()), os.fstat(t.fileno()).st_size)
    po = os.posix_spawn("/usr/bin/env", ["env"], {"A": "1"}); os.waitpid(po, 0)
    print(select.select([r], [], [], 0.01), os.path.basename(os.readlink("/proc/self/exe"))[:7], sorted(os.listdir("/proc/self/fd"))[:3])
    print(open("/proc/self/cmdline", "rb").read().split(b"\0")[1:], os.sysconf("SC_PAGESIZE"), os.cpu_count() > 0)
