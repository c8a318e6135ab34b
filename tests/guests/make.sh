# A parallel build of a small project with generated sources, a library, dependencies, and a rebuild after a change.
mkdir src; for i in $(seq 1 8); do
    echo "int f$i(int x) { return x * $i + 1; }" >src/f$i.c
done
{ echo '#include <stdio.h>'; for i in $(seq 1 8); do echo "int f$i(int);"; done
  echo 'int main(void) { int s = 1;'; for i in $(seq 1 8); do echo "s = f$i(s);"; done; echo 'printf("%d\n", s); return 0; }'; } >src/main.c
cat >Makefile <<'END'
SRC := $(sort $(wildcard src/*.c))
OBJ := $(SRC:src/%.c=obj/%.o)
prog: $(OBJ) ; @gcc $^ -o $@
obj/%.o: src/%.c | obj ; @gcc -O1 -c $< -o $@
obj: ; @mkdir -p obj
count: ; @echo $(words $(OBJ))
END
make -s -j2 && ./prog && make -s count && make -q && echo fresh; touch -d '+5 seconds' src/f1.c; make -q; echo "stale $?"; make -s -j2 2>/dev/null && ./prog
