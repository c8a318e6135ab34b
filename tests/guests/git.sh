# A repository with 200 commits: branches, merges, repacking, checking, cloning.
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@x GIT_COMMITTER_NAME=c GIT_COMMITTER_EMAIL=c@x
export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*'
git init -q -b main r && cd r || exit 1
for i in $(seq 1 200); do
    echo "line $i" >>f$((i % 10))
    git add . && GIT_AUTHOR_DATE="$((1700000000 + i)) +0000" GIT_COMMITTER_DATE="$((1700000000 + i)) +0000" git commit -q -m "commit $i" || exit 1
done
git log --oneline | wc -l; git rev-parse HEAD
export GIT_AUTHOR_DATE='1800000000 +0000' GIT_COMMITTER_DATE='1800000000 +0000'
git checkout -q -b side HEAD~20 && echo side >s && git add s && git commit -q -m side && git checkout -q main && git merge -q -m merge side && git rev-parse HEAD
git gc -q && git fsck --full 2>&1 | tail -n 1; git count-objects -v | grep -E 'in-pack|packs'
git diff --stat HEAD~5 | tail -n 1; git blame f3 | cut -c 1-8 | sort -u | wc -l; git grep -c 'line 1' | sort
cd .. && git clone -q r r2 && git -C r2 status --short | wc -l && git -C r2 log -1 --format=%H; git -C r2 archive HEAD | tar -t | sort | head -n 3
