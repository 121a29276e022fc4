"""What `streetveil serve` listens on."""

import asyncio
import socket

from streetveil.cli.serve import _listen


def test_answers_are_sent_without_waiting_for_acknowledgements():
    async def accepted() -> int:
        asked: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked.set_result(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        with _listen("127.0.0.1", 0) as listener:
            server = await asyncio.start_server(serve, sock=listener)
            _, writer = await asyncio.open_connection(*listener.getsockname())
            answer = await asyncio.wait_for(asked, 30)
            writer.close()
            await writer.wait_closed()
            server.close()
            await server.wait_closed()
            return answer

    assert asyncio.run(accepted()) != 0
