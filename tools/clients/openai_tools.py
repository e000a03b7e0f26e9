"""supermemory-openai-sdk (Python): functions for language models."""

import asyncio
import json
from types import SimpleNamespace

from supermemory_openai import SupermemoryTools

from calls import API_KEY, BASE_URL, acall


async def main():
    tools = SupermemoryTools(
        API_KEY, {"base_url": BASE_URL, "container_tags": ["client_python_openai"]}
    )

    async def run(name, arguments, contains=""):
        async def work():
            function = SimpleNamespace(name=name, arguments=json.dumps(arguments))
            text = await tools.execute_tool_call(SimpleNamespace(id=name, function=function))
            result = json.loads(text)
            assert result["success"] is True, text
            assert contains in text, text
            return result

        return await acall(f"tool {name}", work)

    await run("add_memory", {"memory": "Ada plays the violin on Sundays."})
    added = await run("document_add", {"content": "The boiler is serviced every October.", "title": "House"})
    await run("search_memories", {"information_to_get": "which instrument does Ada play"}, "violin")
    await run("get_profile", {"query": "violin"}, "violin")
    await run("document_list", {"limit": 5, "page": 1}, "House")
    await run("memory_forget", {"memory_content": "Ada plays the violin on Sundays."})
    await run("document_delete", {"document_id": added["document"]["id"] if added else ""})


asyncio.run(main())
