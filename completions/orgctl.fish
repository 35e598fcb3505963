complete --keep-order --exclusive --command orgctl --arguments "(COMPLETE=fish orgctl -- (commandline --current-process --tokenize --cut-at-cursor) (commandline --current-token))"
