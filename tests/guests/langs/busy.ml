(* OCaml: native code or byte code, exceptions, domains, effects, garbage. *)
open Effect
open Effect.Deep
type _ Effect.t += Ask : int -> int Effect.t
exception Deep of int
let rec fib n = if n < 2 then n else fib (n - 1) + fib (n - 2)
let rec depth n = if n = 0 then raise (Deep 7) else 1 + depth (n - 1)
let rec forever n = 1 + forever (n + 1)
let () =
  Printf.printf "%d\n" (fib 25);
  (try ignore (depth 100000) with Deep n -> Printf.printf "deep %d\n" n);
  (try ignore (forever 0) with Stack_overflow -> print_endline "overflow");
  (try ignore (1 / (Array.length Sys.argv - 1)) with Division_by_zero -> print_endline "zero");
  (try ignore [|1|].(Array.length Sys.argv) with Invalid_argument s -> print_endline s);
  let t = Hashtbl.create 16 in
  for i = 0 to 300000 do Hashtbl.replace t (i mod 5000) (string_of_int i, [i; i * 2]) done;
  Gc.full_major ();
  Printf.printf "%d\n" (Hashtbl.fold (fun k (s, l) a -> a + k * String.length s + List.hd l) t 0);
  let r = match_with (fun () -> List.fold_left (fun a i -> a + perform (Ask i)) 0 (List.init 1000 Fun.id)) ()
    { retc = Fun.id; exnc = raise; effc = fun (type a) (e : a Effect.t) -> match e with Ask n -> Some (fun (k : (a, _) continuation) -> continue k (n * n)) | _ -> None } in
  Printf.printf "%d\n" r;
  let ds = List.init 4 (fun k -> Domain.spawn (fun () -> let s = ref 0 in for i = 1 to 200000 do s := (!s * 31 + i * k + List.length [i; k]) land 0xffffff done; !s)) in
  List.iter (fun d -> Printf.printf "%d " (Domain.join d)) ds;
  Printf.printf "\n%.17g %h %s\n" (sqrt 2.) (Float.pow 3. 0.3) (Int64.to_string (Int64.mul 0x123456789abcdefL 0x987654321L))
