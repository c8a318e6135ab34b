# Elixir: macros compiled at run time, tasks, agents, streams, supervision.
defmodule Busy do
  defmacro unless2(c, do: b), do: quote(do: if(!unquote(c), do: unquote(b)))
  for {n, i} <- Enum.with_index(~w(a b c d)a), do: def unquote(n)(x), do: x * unquote(i + 2)
end
defmodule Run do
  require Busy
  def go do
    IO.inspect(Busy.unless2(false, do: Busy.a(1) + Busy.d(10)))
    IO.inspect(1..200 |> Task.async_stream(fn i -> Enum.sum(1..(i * 10)) end, max_concurrency: 8) |> Enum.map(&elem(&1, 1)) |> Enum.sum())
    {:ok, a} = Agent.start_link(fn -> %{} end)
    1..50 |> Enum.map(&Task.async(fn -> Agent.update(a, fn m -> Map.update(m, rem(&1, 7), 1, fn n -> n + 1 end) end) end)) |> Task.await_many()
    IO.inspect(Agent.get(a, & &1))
    IO.inspect("añb" |> String.graphemes() |> Enum.reverse() |> Enum.join() |> String.upcase())
    IO.inspect(try do String.to_integer("x") rescue e in ArgumentError -> e.__struct__ end)
    IO.inspect(Stream.iterate(1, &rem(&1 * 48271, 2147483647)) |> Stream.filter(&(rem(&1, 3) == 0)) |> Enum.take(5))
  end
end
Run.go()
