process.stdin.once('data', async () => {
  const { answer } = await import('./plain-answer.mjs')
  process.stdout.write(String(answer()))
})
