process.stdin.once('data', () => {
  void import('./plain-answer.mjs').then(({ answer }) => process.stdout.write(String(answer())))
})
