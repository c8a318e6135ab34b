# A server on loopback, its benchmark, persistence, and an orderly end.
redis-server --port "$PORT" --bind 127.0.0.1 --save '' --dir . --daemonize no --logfile log --io-threads 1 >/dev/null 2>&1 &
for i in $(seq 100); do redis-cli -p "$PORT" ping 2>/dev/null | grep -q PONG && break; sleep 0.1; done
c() { redis-cli -p "$PORT" "$@"; }
c set k v; c get k; c incrby n 41; c incr n; c rpush l 1 2 3; c lrange l 0 -1; c eval 'return redis.call("get", KEYS[1])' 1 k; c zadd z 1 a 2 b; c zrange z 0 -1 withscores
redis-benchmark -p "$PORT" -q -n 3000 -c 10 -t set,get,incr,lpush >/dev/null && echo benchmark
c dbsize; c save; ls dump.rdb; c shutdown nosave; wait; echo "ended $?"
