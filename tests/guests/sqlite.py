import sqlite3, threading
c = sqlite3.connect("x.db")
c.execute("pragma journal_mode=wal")
c.execute("create table t(a integer primary key, b text, c real)")
c.executemany("insert into t values(?,?,?)", ((i, str(i * 7919 % 1009), i / 7) for i in range(20000))); c.commit()
print(c.execute("select count(distinct b), sum(a), round(sum(c), 6) from t where b like '1%'").fetchone())
c.create_function("f", 1, lambda x: x * 2); print(c.execute("select sum(f(a)) from t").fetchone())
def w(n):
    d = sqlite3.connect("x.db", timeout=20)
    for i in range(20): d.execute("update t set c = c + 1 where a = ?", (n,)); d.commit()
ts = [threading.Thread(target=w, args=(i,)) for i in range(3)]
[t.start() for t in ts]; [t.join() for t in ts]
print(c.execute("select c from t where a < 3").fetchall(), c.execute("pragma integrity_check").fetchone())
