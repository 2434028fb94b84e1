#!/bin/sh
# SPDX-License-Identifier: MIT
# As witness_worker.cc, in a shell: the task is on stdin, an exit status says what became of it.
set -u
event=$(cat)
member() { # NAME: the number or text of that member, or the first of its list
  rest=${event#*\"$1\":}
  rest=${rest# }
  rest=${rest#[}
  rest=${rest#\"}
  value=${rest%%[],\}\"]*}
}
member task_id; task=$value
member numbers; number=$value
member attempts; attempts=$value

over=true
for i in 0 1 2 3 4 5 6 7 8 9; do
  exec 9>"$WITNESS/$i"
  if flock -n 9; then over=false; break; fi
done
! $over || echo "over $task" >>"$WITNESS/log"
echo "begin $task" >>"$WITNESS/log"
end() {
  echo "end $task" >>"$WITNESS/log"
  exec 9>&-
}

[ $((number % 200)) != 13 ] || exec sleep 600
case $((number % 100)),$attempts in
  7,*) end; echo "nobody can work on $number" >&2; exit 1 ;;
  17,* | 37,0) kill -KILL $$ ;;
  23,0) end; echo 'not yet' >&2; exit 1 ;;
esac
end
echo "{\"square\": $((number * number))}"
