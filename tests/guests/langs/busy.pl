% SWI-Prolog: back-tracking, exceptions, threads, garbage, big numbers, constraint solving.
:- use_module(library(clpfd)).
queens(N, Qs) :- length(Qs, N), Qs ins 1..N, safe(Qs), labeling([ff], Qs).
safe([]).
safe([Q|Qs]) :- none(Q, Qs, 1), safe(Qs).
none(_, [], _).
none(Q, [P|Ps], D) :- Q #\= P, abs(Q - P) #\= D, D1 is D + 1, none(Q, Ps, D1).
nrev([], []).
nrev([X|Xs], R) :- nrev(Xs, T), append(T, [X], R).
loop(N) :- M is N + 1, loop(M), true.
go :- queens(8, Q), writeln(Q),
    numlist(1, 400, L), forall(between(1, 20, _), nrev(L, _)), nrev(L, [H|_]), writeln(H),
    F is 3 ** 500 mod 1000000007, writeln(F),
    catch(X is 1 / 0, error(E, _), (writeln(E))), (var(X) -> true ; true),
    catch(call_with_time_limit(0.3, (repeat, fail)), T, writeln(T)),
    catch(loop(0), error(resource_error(_), _), writeln(deep)),
    findall(Id, (between(1, 4, K), thread_create((numlist(1, 20000, NL), sum_list(NL, S), S1 is S * K, thread_exit(S1)), Id)), Ids),
    maplist(thread_join, Ids, Rs), writeln(Rs),
    forall(between(1, 20000, I), (J is I mod 100, assertz(fact(J, I)))), aggregate_all(sum(V), fact(7, V), Sum), writeln(Sum),
    garbage_collect, atom_length(abc, Len), writeln(Len).
:- initialization((set_prolog_flag(stack_limit, 50000000), go, halt)).
