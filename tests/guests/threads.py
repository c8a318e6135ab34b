# Threads with locks, events, queues and thread-local data; a pool; many short threads.
import concurrent.futures, queue, threading, time
total, lock = 0, threading.Lock()
def work(n):
    global total
    for i in range(n):
        with lock: total += 1
ts = [threading.Thread(target=work, args=(3000,)) for _ in range(8)]
for t in ts: t.start()
for t in ts: t.join()
print(total)
q, done = queue.Queue(5), []
def consume():
    while (x := q.get()) is not None: done.append(x * x)
c = [threading.Thread(target=consume) for _ in range(3)]
for t in c: t.start()
for i in range(500): q.put(i)
for t in c: q.put(None)
for t in c: t.join()
print(sum(done), len(done))
local = threading.local(); res = []
def tls(i):
    local.v = i; time.sleep(0.001); res.append(local.v == i)
ts = [threading.Thread(target=tls, args=(i,)) for i in range(100)]
for t in ts: t.start()
for t in ts: t.join()
print(all(res), len(res))
with concurrent.futures.ThreadPoolExecutor(4) as ex: print(sum(ex.map(lambda x: x ** 3, range(300))))
e, b = threading.Event(), threading.Barrier(4)
ts = [threading.Thread(target=lambda: (b.wait(), e.wait(5))) for _ in range(4)]
for t in ts: t.start()
time.sleep(0.05); e.set()
for t in ts: t.join()
t = threading.Timer(0.05, lambda: print("timer")); t.start(); t.join()
cv = threading.Condition()
with cv: print(cv.wait(0.05), threading.active_count())
