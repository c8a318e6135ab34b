# Preprocessor, compiler, assembler, archiver and linker one by one; shared library; running the results.
cp /tmp/t/hello.c .
for o in -O0 -O1 -Os -O3; do
    gcc -E hello.c -o hello.i && gcc $o -S hello.i -o hello.s && gcc -c hello.s -o hello.o && gcc hello.o -lm -o hello && ./hello "$o" || exit 1
done
echo 'int add(int a, int b) { return a + b; }' >add.c; echo 'int add(int, int); int printf(const char *, ...); int main(void) { return printf("%d\n", add(40, 2)) != 3; }' >main.c
gcc -O2 -c add.c && ar rcs libadd.a add.o && nm libadd.a | grep -c ' T add' && gcc main.c -L. -ladd -o m1 && ./m1
gcc -fPIC -shared add.c -o libadd2.so && gcc main.c ./libadd2.so -o m2 && ./m2
gcc -static main.c add.c -o m3 && ./m3; strip m3 && ./m3; objdump -d m1 | grep -c '<main>:'; readelf -h m1 | grep -c ELF64
echo 'int main(void) { return undeclared; }' >bad.c; gcc bad.c 2>&1 | grep -c 'undeclared'; gcc -g -flto -O2 main.c add.c -o m4 && ./m4
