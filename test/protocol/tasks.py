"""The tasks of the tests, and the start of their worker."""
import os, subprocess, sys

import worker

def double(input, log, **_):
    print('printed')
    log('doubling', n=input['n'])
    subprocess.run(['echo', 'from a subprocess'])
    sys.stdout.write('unfinished')
    return {'n': input['n'] * 2, 'greeting': os.environ.get('GREETING')}

def reverse(input, **_):
    return input[::-1]

def fail(input, log, **_):
    log('about to fail', level='warn')
    raise ValueError(f'bad input: {input}')

def wait(input, log, cancelled):
    log('waiting')
    if cancelled.wait(60):
        raise RuntimeError('interrupted')

if __name__ == '__main__':
    sys.modules['tasks'] = sys.modules['__main__']
    worker.main()
