"""Drives a port through pyserial's RFC 2217 client, prints what it saw."""
import sys
import serial

port = serial.serial_for_url(sys.argv[1], baudrate=57600, bytesize=8, parity="N", stopbits=2, timeout=20)
print("open", port.baudrate, port.bytesize, port.parity, port.stopbits)
port.write(b"ask\n")
print("line", port.readline())
# Every byte there is, telnet's own 255 too, and carriage returns with and without company.
every = bytes(range(256)) + b"\r\0\r\n\xff\xff\r"
port.write(b"echo\n")
port.write(every)
print("bytes", port.read(len(every)) == every)
port.baudrate = 9600
port.rtscts = True
port.rts = False
port.dtr = False
port.break_condition = True
port.break_condition = False
port.reset_input_buffer()
print("changed", port.baudrate, port.rtscts, port.rts, port.dtr)
port.rtscts = False
port.close()
