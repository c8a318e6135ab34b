pragma page_size=4096;
create table t(a integer primary key, b integer, c real, d text);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 30000) insert into t select i, i * 7919 % 10007, i / 7.0, 'row ' || i from n;
create index tb on t(b);
select b, count(*) from t where b between 10 and 15 group by b order by b;
select x.a, y.a from t x join t y on x.b = y.b and x.a < y.a order by 1 limit 5;
update t set d = upper(d) where b % 3 = 0; delete from t where b % 7 = 1; select count(*), max(d), total(c) from t;
select json_extract('{"a":[1,2,{"b":3}]}', '$.a[2].b'), printf('%.3f', 2.0 / 3), hex(zeroblob(3)), round(2.5), strftime('%Y', 0, 'unixepoch');
vacuum;
