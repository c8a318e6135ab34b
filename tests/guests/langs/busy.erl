%% Erlang: processes and messages, its native code generator, ets, binaries, code replacement, ports, timers, crypto.
-module(busy).
-export([main/0, ring/2, version/0]).
version() -> 1.
ring(Next, 0) -> Next ! done;
ring(Next, N) -> receive X -> Next ! X + 1, ring(Next, N - 1) end.
fib(N) when N < 2 -> N;
fib(N) -> fib(N - 1) + fib(N - 2).
pmap(F, L) ->
    Me = self(),
    [receive {P, R} -> R end || P <- [spawn(fun() -> Me ! {self(), F(X)} end) || X <- L]].
main() ->
    io:format("~p~n", [pmap(fun fib/1, lists:seq(10, 22))]),
    Ps = lists:foldl(fun(_, Next) -> spawn(?MODULE, ring, [Next, 20]) end, self(), lists:seq(1, 2000)),
    [Ps ! I || I <- lists:seq(1, 20)],
    io:format("~p~n", [lists:sum([receive X when is_integer(X) -> X end || _ <- lists:seq(1, 20)])]),
    T = ets:new(t, [ordered_set, public]),
    pmap(fun(K) -> [ets:insert(T, {K * 1000 + I, I * I}) || I <- lists:seq(1, 500)] end, lists:seq(1, 8)),
    io:format("~p ~p~n", [ets:info(T, size), ets:foldl(fun({_, V}, A) -> V + A end, 0, T)]),
    [io:format("~p ", [try F() catch C:R -> {C, R} end]) || F <- [fun() -> 1 div (length([]) * 1) end, fun() -> hd(length([])) end, fun() -> throw(x) end, fun() -> exit(y) end, fun() -> 1.0e308 * (10 + length([])) end]],
    process_flag(trap_exit, true),
    spawn_link(fun() -> exit(boom) end),
    io:format("~n~p~n", [receive {'EXIT', _, W} -> W end]),
    Bin = << <<(I * I rem 251)>> || I <- lists:seq(1, 50000)>>,
    io:format("~p ~p~n", [erlang:crc32(Bin), erlang:md5(zlib:uncompress(zlib:compress(Bin))) =:= erlang:md5(Bin)]),
    io:format("~p~n", [lists:foldl(fun(I, A) -> A * I end, 1, lists:seq(1, 300)) rem 1000000000039]),
    Port = open_port({spawn, "sh -c 'read x; echo $x$x'"}, [{line, 100}]),
    port_command(Port, "ab\n"),
    io:format("~p~n", [receive {Port, {data, D}} -> D end]),
    lists:foreach(fun(N) ->
        {ok, M, B} = compile:forms([{attribute, 1, module, m}, {attribute, 1, export, [{f, 1}]},
            {function, 1, f, 1, [{clause, 1, [{var, 1, 'X'}], [], [{op, 1, '+', {var, 1, 'X'}, {integer, 1, N}}]}]}]),
        code:purge(M), {module, m} = code:load_binary(M, "m", B), N = m:f(0) end, lists:seq(1, 60)),
    io:format("~p~n", [m:f(1)]),
    garbage_collect(),
    io:format("~p~n", [receive never -> 0 after 30 -> timeout end]),
    io:format("~s~n", [[io_lib:format("~2.16.0b", [X]) || <<X>> <= crypto:hash(sha256, Bin)]]).
