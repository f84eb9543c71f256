#!/bin/bash
# 53-git.t - git: init, add, commit, log, branches, gc. The dates are set, so that the names of the objects are the same;
# the index holds inode numbers and is not compared.
. "$(dirname "$0")/lib.sh"

command -v git >/dev/null || skip_all "git is not installed"
export GIT_AUTHOR_DATE='2020-01-02T03:04:05Z' GIT_COMMITTER_DATE='2020-01-02T03:04:05Z' GIT_AUTHOR_NAME=A \
    GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=A GIT_COMMITTER_EMAIL=a@b GIT_CONFIG_NOSYSTEM=1 GIT_PAGER=cat
git config --global init.defaultBranch main
git config --global gc.auto 0
git config --global safe.directory '*'

prepare() {
    for i in 1 2 3 4 5 6 7 8; do seq 1 $((i * 100)) >file$i; done
    mkdir sub
    echo text >sub/file
}
tree_ignores=.git
objects='git fsck --full; git cat-file --batch-check --batch-all-objects | sort'

same_sh "init" 'git init; git status --short | sort; cat .git/HEAD'
same_sh "add and commit" "git init -q; git add .; git status --short; git commit -q -m first; git log --stat --format=fuller; $objects"
same_sh "changes" "git init -q; git add .; git commit -qm 1; echo more >>file3; rm file4; git mv file5 sub/; git diff; git commit -aqm 2; git show --stat; git log --oneline; $objects"
same_sh "branches and merge" "git init -q; git add .; git commit -qm 1; git checkout -q -b side; echo a >>file1; git commit -aqm 2; git checkout -q main; echo b >>file2; git commit -aqm 3; git merge -q side -m merged; git log --graph --oneline; $objects"
same_sh "gc" "git init -q; git add .; git commit -qm 1; for i in 1 2 3 4 5; do echo \$i >>file1; git commit -aqm \$i; done; git gc -q; git count-objects -v | grep -v size; git log --oneline; $objects"
same_sh "clone, fetch" "git init -q; git add .; git commit -qm 1; git clone -q . ../clone.\$\$; cd ../clone.\$\$; git log --oneline; cd - >/dev/null; git fetch -q ../clone.\$\$ main; rm -rf ../clone.\$\$; $objects"
same_sh "grep, blame, archive" 'git init -q; git add .; git commit -qm 1; git grep -n 50 | head; git blame -s file1 | tail -n 2; git archive HEAD | md5sum'
same_sh "stash, rebase" 'git init -q; git add .; git commit -qm 1; git checkout -qb b; echo x >>file1; git commit -qam x; git checkout -q main; echo y >>file2; git commit -qam y; git rebase -q main b; echo z >>file3; git stash -q; git stash pop -q; git status --short; git log --oneline'
same_sh "an error" 'git log; echo $?; git init -q; git commit -m nothing; echo $?'

done_testing
