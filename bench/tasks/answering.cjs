process.stdin.once('data', () => process.stdout.write('42'))
