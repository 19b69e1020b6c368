for (let i = 0; i < process.argv[2]; i++) console.log(`line ${i} of what a task has to say`)
