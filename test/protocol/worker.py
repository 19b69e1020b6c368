"""A worker on Python's standard library alone: it serves one run, then leaves. PROTOCOL.md describes what it does."""
import json, os, signal, sys, threading, traceback

PART, WINDOW = 256 * 1024, 1024 * 1024
up, down = os.fdopen(3, 'wb'), os.fdopen(4, 'rb')
sending, credit, cancelled, window = threading.Lock(), threading.Condition(), threading.Event(), WINDOW

def send(message, body=b''):
    with sending:
        up.write(json.dumps({**message, 'body': len(body)} if body else message).encode() + b'\n' + body)
        up.flush()

def send_value(message, value, format='json'):
    global window
    data = json.dumps(value).encode()
    header = {'format': format, 'text': len(data), 'size': len(data)}
    if len(data) <= PART:
        return send({**message, 'value': header}, data)
    send({**message, 'value': {**header, 'stream': 1}})
    for at in range(0, len(data), PART):
        with credit:
            credit.wait_for(lambda: window >= PART)
            window -= PART
        part = data[at:at + PART]
        send({'type': 'chunk', 'run': message['run'], 'stream': 1, 'end': at + PART >= len(data)}, part)

def record(entry):
    sys.stdout.flush()
    os.write(1, b'\x1e' + json.dumps(entry).encode() + b'\n')

def log(text, level='info', **fields):
    record({'level': level, 'stream': 'log', 'text': text, 'fields': fields})

def serve(run, data):
    try:
        task = getattr(sys.modules['tasks'], run['task']['export'])
        os.environ.update(run['env'])
        send({'type': 'running', 'run': run['run']})
        message, value, format = {'type': 'done'}, task(json.loads(data), log=log, cancelled=cancelled), 'json'
    except Exception as error:
        name, text, stack = type(error).__name__, str(error), traceback.format_exc()
        code = 'TASK_CANCELLED' if cancelled.is_set() else 'TASK_FAILED'
        message = {'type': 'fail', 'retryable': True, 'error': {'code': code, 'name': name, 'message': text, 'stack': stack}}
        value, format = {'$': 'err', 'v': {'name': name, 'message': text, 'stack': stack}}, 'tagged'
    record({'flush': run['flush']})
    send_value({**message, 'run': run['run']}, value, format)

def main():
    global window
    lease, run, data = 0, None, bytearray()
    while line := down.readline():
        message = json.loads(line)
        body, kind = down.read(message.get('body', 0)), message['type']
        if kind == 'welcome':
            lease = message['leaseMs'] / 1000
            if message['protocol'] != 1:
                sys.exit(f"The supervisor speaks protocol {message['protocol']}, this worker speaks 1.")
            send({'type': 'hello', 'protocol': 1, 'role': 'worker', 'runtime': {'name': 'python', 'version': sys.version.split()[0]}})
        elif kind in ('run', 'chunk'):
            run, data = (message, bytearray()) if kind == 'run' else (run, data)
            data += body
            if kind == 'chunk' and not message['end']:
                send({'type': 'credit', 'run': message['run'], 'stream': message['stream'], 'bytes': len(body)})
            if 'stream' not in run['input'] or kind == 'chunk' and message['end']:
                threading.Thread(target=serve, args=(run, bytes(data)), daemon=True).start()
        elif kind == 'credit':
            with credit:
                window += message['bytes']
                credit.notify()
        elif kind == 'cancel':
            cancelled.set()
        elif kind == 'ping':
            send({'type': 'pong'})
        elif kind == 'accepted':
            os._exit(0)
        signal.setitimer(signal.ITIMER_REAL, lease)  # nothing heard for that long: SIGALRM ends this process
    os._exit(1)  # the supervisor is gone
